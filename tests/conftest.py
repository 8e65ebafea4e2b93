"""Settings for all tests: one torch thread, so that timings and numbers do not depend on the machine's cores."""

import torch

torch.set_num_threads(1)
