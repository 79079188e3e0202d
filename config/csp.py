"""The Content-Security-Policy and the Permissions-Policy of every page.

A page loads from this host and sends to this host only. Each script is a file: no text that a user
typed can become a script.
"""

from csp.constants import NONE, SELF, UNSAFE_INLINE

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [
            SELF,
            "data:",
        ],  # Swagger UI and the browsable API keep small icons in their CSS
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Paths whose pages are REST framework's templates: only these have style attributes.
OF_REST_FRAMEWORK = ("/api/", "/api-auth/")
STYLE_ATTRIBUTES = {"style-src-attr": [UNSAFE_INLINE]}

# No page needs any of these, so an injected script must not get them either.
PERMISSIONS_POLICY = (
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
)
