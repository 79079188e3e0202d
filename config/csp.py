"""What a page may load and where it may send to (Content-Security-Policy): this host alone.

No script of a page is written into it: each is a file of this host, so that a name or a reason that
somebody typed can never become one.
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

# The pages of REST framework come with style attributes in their templates; theirs is all of it.
OF_REST_FRAMEWORK = ("/api/", "/api-auth/")
STYLE_ATTRIBUTES = {"style-src-attr": [UNSAFE_INLINE]}

# No page of ours asks for any of these; a script that came in by mistake shall not either.
PERMISSIONS_POLICY = (
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
)
