"""Second Read: a CDS Hooks service that suggests a subspecialty radiology second read before treatment is signed."""

__version__ = "0.1.0"
