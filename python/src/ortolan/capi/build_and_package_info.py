"""The package's name and version."""

from ortolan._native import __version__

package_name = "ortolan"

__all__ = ["__version__", "package_name"]
