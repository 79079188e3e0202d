"""What the product's calls are compared with: views that no product has, served in the same run."""
