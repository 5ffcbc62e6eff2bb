"""Text that writes itself: language models of characters or words, and what they write.

python -m experiments.text                                        the Python reference, embedded; an LSTM
python -m experiments.text --sample_only --prompt="The function"  what that run writes
python -m experiments.text --preset=chollet --corpus=nietzsche    the book's: windows of 60, LSTM 128, RMSprop
python -m experiments.text --preset=nano_cpu --corpus=tinyshakespeare   nanoGPT's transformer for a CPU
python -m experiments.text --level=word --model=gru --embedding=128

The first takes 90 s and ends at 1.885 bits per character on the test split (Python 3.11); 40 of the third's 60 epochs
take 67 min on one core and end at 1.203 nats over its training windows; the fourth takes about 3 min, to 1.770 nats on
the validation split. Two cores of an AMD EPYC, jax 0.10.2, 2026-11-22.
"""

import sys

import jax

from jaxgen.core.evaluation import evaluate, key_of_test
from jaxgen.core.types import Refused
from jaxgen.figures import samples, writing
from jaxgen.report.page import Chapter
from jaxgen.run import cli, results, text_reader, train, workdir
from jaxgen.run.inherit import inherit
from jaxgen.techniques.text import language

TEXT = (
    "A network is trained to predict the next token of a text from those before it. To write, its prediction is drawn "
    "from, and what was drawn is read as if it had stood there. At temperature T, p becomes p^(1/T), normalised: below "
    "1 the probable becomes more so, and 0 always takes the most probable."
)

PRESETS: dict[str, dict] = {
    # Chollet & Allaire, section 8.1: the next character after 60, every third window, one LSTM.
    "chollet": {
        "model": "lstm",
        "width": 128,
        "context": 60,
        "windows": "strided",
        "stride": 3,
        "predict": "last",
        "lowercase": True,
        "optimizer": "rmsprop",
        "learning_rate": 0.01,
        "eps": 1e-7,
        "eps_inside_root": True,
        "batch_size": 128,
        "epochs": 60,
        "log_every": 352,
        "eval_every": 1408,
        "checkpoint_every": 1408,
    },
    # nanoGPT's train_shakespeare_char as its README runs it on a CPU, at four times its rate (1e-3 ends at 1.916 nats
    # where 4e-3 ends at 1.770); validated on all of every window.
    "nano_cpu": {
        "model": "transformer",
        "layers": 4,
        "heads": 4,
        "width": 128,
        "context": 64,
        "windows": "random",
        "overlap": 0,
        "splits": "90/10/0",
        "batch_size": 12,
        "steps": 2000,
        "optimizer": "adamw",
        "learning_rate": 4e-3,
        "beta2": 0.99,
        "weight_decay": 0.1,
        "clip_norm": 1.0,
        "schedule": "cosine",
        "rate_floor": 0.1,
        "warmup": 0.05,
        "patience": 1000,
        "log_every": 50,
        "eval_every": 250,
    },
    "nano": {
        "model": "transformer",
        "layers": 6,
        "heads": 6,
        "width": 384,
        "context": 256,
        "dropout": 0.2,
        "windows": "random",
        "overlap": 0,
        "splits": "90/10/0",
        "batch_size": 64,
        "steps": 5000,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "beta2": 0.99,
        "weight_decay": 0.1,
        "clip_norm": 1.0,
        "schedule": "cosine",
        "rate_floor": 0.1,
        "warmup": 0.02,
        "patience": 1000,
        "log_every": 50,
        "eval_every": 250,
        "precision": "bf16",
    },
}


def experiment(flags: text_reader.TextFlags, config: language.Config) -> Chapter | None:
    """Trains, evaluates on the test split, writes; with --sample_only, only writes."""
    if flags.sampling.sample_only:
        writing.sample(flags)
        return None
    text = text_reader.text(flags, config)
    config = text_reader.fitted(config, text, flags)
    technique = language.make(config, text_reader.optimizer(flags, config, text))
    stage = text_reader.stage(technique, text, flags, config)
    check_alike(flags.init_from, config)
    stage, previous = inherit(stage, flags.init_from, language)
    prompt, who = writing.beginning(text, flags), workdir.identity(flags, [(language, config)], text.sha256, previous)
    watch = writing.watcher(flags, config, prompt)
    with workdir.open_workdir(flags.workdir, who) as place:
        outcome = train.train(place, flags, [stage], watch(place / writing.SAMPLES), previous)
        named = measured(technique, outcome.state, text, flags, config)
        rows = writing.judged(technique, outcome.state, text, flags, config, prompt)
        unit = "characters" if config.level == "char" else "words"
        many = f"{writing.JUDGED} samples of {flags.sampling.length} {unit}"
        tables = [
            samples.temperature_table(rows, many),
            samples.side_by_side(samples.read_samples(place / writing.SAMPLES)),
        ]
        return results.finish(place, "Text", TEXT, flags.seed, outcome, named, list, tables, samples.NOTES)


def check_alike(init_from: str, config: language.Config) -> None:
    """Raises Refused where that run has learnt other tokens: its parameters would fit, and mean something else."""
    there = workdir.read_config(init_from)["stages"][-1]["config"].get("vocabulary") if init_from else None
    if there is not None and tuple(there) != config.vocabulary:
        raise Refused(f"--init_from={init_from} has learnt another vocabulary ({len(there)} tokens) than this text's")


def measured(technique, state, text, flags, config):
    """The metrics on the test split; on the validation split, and named after it, where there is no other."""
    split, prefix = (text.test, "test_") if len(text.test.tokens) else (text.valid, "valid_")
    key, fold = key_of_test(jax.random.key(flags.seed)), technique.evaluate
    found = evaluate(fold, state, text_reader.holdout(split, config), key)
    return results.measured(found, fold.definitions, prefix)


COMMAND = cli.Command(
    "text",
    experiment,
    language.Config,
    PRESETS,
    {"width": 256, "context": 64, "batch_size": 32, "steps": 1500, "eval_every": 500},
    text_reader.TextFlags,
)

if __name__ == "__main__":
    sys.exit(cli.main(COMMAND))
