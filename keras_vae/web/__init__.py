"""The browser page of the zoo: built from entries, served on this machine."""

from keras_vae.web.site import Site, web

__all__ = ["Site", "web"]
