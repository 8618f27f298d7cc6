"""The demo: synthetic charts, the demo EHR page, and the terminal demo that signs every chart's orders."""
