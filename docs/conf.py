"""Settings of the documentation site: `sphinx-build -W docs build/docs`."""

project = "ntknas"
author = "The ntknas authors"
copyright = "The ntknas authors"
version = release = "0.2.0.dev0"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are stored as they ran; tests/test_notebooks.py runs them

default_role = "code"  # single backquotes in docstrings are code, as in Markdown
highlight_language = "none"
autodoc_typehints = "signature"
autodoc_member_order = "groupwise"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # an attribute is described once, by its class
napoleon_attr_annotations = False  # shapes are said in words; "*s" of an annotation is no markup

html_theme = "furo"
html_title = "ntknas"
html_show_copyright = False


def skip_tuple_fields(app, what, name, obj, skip, options):
    """Leave out the fields of named tuples, which the docstring of the class describes."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def short_arrays(app, what, name, obj, options, signature, returns):
    """JAX arrays by the name that users import."""
    texts = (signature, returns)
    return tuple(text and text.replace("jaxlib._jax.Array", "Array") for text in texts)


def setup(app):
    """Connect the hooks."""
    app.connect("autodoc-skip-member", skip_tuple_fields)
    app.connect("autodoc-process-signature", short_arrays)
