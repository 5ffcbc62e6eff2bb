"""Optimiser study of your own experiments: which optimiser, at which learning rate, how sure that is, at what cost.

python -m jaxgen.study --tasks=my_module --optimizers=sgd,adam        EXPERIMENT of my_module.py in this folder
python -m jaxgen.study --tasks=my_module:small,rosenbrock --steps=500
python -m jaxgen.study --tasks=beale --optimizers=adam,my_module:my_adam   a function of learning_rate
"""

import sys

from jaxgen.study import command

if __name__ == "__main__":
    sys.exit(command.launch("jaxgen.study", __doc__ or "", {}))
