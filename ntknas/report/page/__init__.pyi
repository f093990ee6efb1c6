# What the room gives; each name is imported when it is first used.
from .figures import write_figures as write_figures
from .html import Raw as Raw, html_table as html_table, json_for_script as json_for_script
from .material import (
    Material as Material,
    Options as Options,
    Scored as Scored,
    Searched as Searched,
    gather as gather,
)
from .page import SECTIONS as SECTIONS, page_html as page_html, write_page as write_page
