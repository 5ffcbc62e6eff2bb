"""Text that writes itself: language models of characters or words, and what they write.

python -m experiments.text                                        the Python reference, embedded; an LSTM
python -m experiments.text --sample_only --prompt="The function"  what that run writes
python -m experiments.text --preset=chollet --corpus=nietzsche    the book's: windows of 60, LSTM 128, RMSprop
python -m experiments.text --preset=nano_cpu --corpus=tinyshakespeare   nanoGPT's transformer for a CPU
python -m experiments.text --level=word --model=gru --embedding=128
python -m experiments.text --level=bpe --model=transformer        byte pairs, as GPT-2 reads
python -m experiments.text --init_from=FOLDER/model.safetensors   GPT-2, vocab.json and merges.txt beside it

What each ends at, and how long it takes: experiments/results/text.md.
"""

import functools
import sys

from jaxgen.figures import continuing, writing
from jaxgen.run import cli, gpt2_files, text_reader
from jaxgen.run.experiment import Choice, Experiment, Watch
from jaxgen.run.inherit import check_alike
from jaxgen.techniques.text import gpt, gru, lstm, wavenet

NETWORKS = {"lstm": lstm, "gru": gru, "conv": wavenet, "transformer": gpt}

PRESETS = {
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
    # nanoGPT's train_shakespeare_char as its README runs it on a CPU, at four times its rate, which ends lower
    # (experiments/results/text.md); validated on all of every window.
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


def anew(stage, config):
    """Nothing; refuses a run whose parameters belong to other tokens."""
    check_alike(stage, config, "vocabulary")
    return ()


EXPERIMENT = Experiment(
    name="experiments.text",
    doc=__doc__ or "",
    title="Text",
    text="A network is trained to predict the next token of a text from those before it. To write, its prediction is "
    "drawn from, and what was drawn is read as if it had stood there. At temperature T, p becomes p^(1/T), normalised: "
    "below 1 the probable becomes more so, and 0 always takes the most probable.",
    technique=Choice("model", "the network", NETWORKS),
    data=text_reader.TEXTS,
    presets=PRESETS,
    defaults={"width": 256, "context": 64, "batch_size": 32, "steps": 1500, "eval_every": 500},
    anew=anew,
    decided=gpt2_files.flags_of,
    foreign=gpt2_files.parameters,
    watch=Watch(writing.look),
    show=writing.show,
    instead=functools.partial(continuing.sample_only, modules=NETWORKS),
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
