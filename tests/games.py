"""What the tests of games from the command line share."""

from experiments import classify
from jaxgen.run import cli

TINY = (
    "--dataset=digits --steps=4 --batch_size=8 --log_every=2 --eval_every=2 --width=2 --halvings=1 --latent=2 --dense=4"
)


def hardly_trained(workdir, dataset="digits"):
    """The directory of a run of a classifier that may judge."""
    flags = f"--dataset={dataset} --network=cnn --channels=2 --hidden=6 --steps=2 --batch_size=8 --workdir={workdir}"
    assert cli.main(classify.EXPERIMENT, flags.split()) == 0
    return workdir
