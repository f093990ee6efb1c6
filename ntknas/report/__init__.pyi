# What the room gives; each name is imported when it is first used.
from . import page as page
from .attack_examples import Examples as Examples, attack_examples as attack_examples
from .attacks import attack_report as attack_report
from .bounds import bound_panels as bound_panels
from .cells import (
    operations_picture as operations_picture,
    ranks_picture as ranks_picture,
    sizes_picture as sizes_picture,
    structure_picture as structure_picture,
)
from .curves import (
    beta_curves as beta_curves,
    check_picture as check_picture,
    finish_picture as finish_picture,
    save_picture as save_picture,
)
from .heat import heat_maps as heat_maps
from .intervals import interval_picture as interval_picture
from .labels import write_labels as write_labels
from .output import check_output as check_output, output_file as output_file
from .panels import panel_figure as panel_figure
from .pareto import pareto_picture as pareto_picture
from .progress import Progress as Progress, ProgressByName as ProgressByName
from .scatter import score_scatter as score_scatter
from .score_plot import plot as plot
from .search_curve import search_curve as search_curve
from .spectrum import spectrum_panels as spectrum_panels
from .style import (
    COLOURS as COLOURS,
    COLUMN as COLUMN,
    MARKERS as MARKERS,
    PAGE as PAGE,
    new_figure as new_figure,
    picture_style as picture_style,
)
from .tables import (
    format_table as format_table,
    markdown as markdown,
    three_decimals as three_decimals,
    with_interval as with_interval,
)
from .theory_picture import theory_picture as theory_picture
from .training_curves import training_curves as training_curves
