from .api import Aligned as Aligned
from .api import align as align
from .api import clients_of as clients_of
from .api import error_ladder as error_ladder
from .api import figure as figure
from .api import run as run
from .config import FederationConfig as FederationConfig
from .errors import ConfigError as ConfigError
from .factors import Factors as Factors
from .federation import Federation as Federation
from .figures import FIGURES as FIGURES
from .figures import View as View
from .methods import METHODS as METHODS
from .study.comparison import Comparison as Comparison
from .study.comparison import compare as compare
from .study.presets import PRESETS as PRESETS
from .study.replica import PaperCard as PaperCard
from .study.replica import paper_card as paper_card
from .study.spin import GaugeTest as GaugeTest
from .study.spin import gauge_test as gauge_test
from .study.when import Findings as Findings
from .study.when import when_it_matters as when_it_matters
from .trace import Trace as Trace

ENGINE_VERSION: str
