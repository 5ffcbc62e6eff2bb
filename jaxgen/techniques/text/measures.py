"""What language models are measured by, at each level of reading."""

from typing import Any

from jaxgen.data.text.reading import uncounted

BITS = {"char": "bits_per_char", "word": "bits_per_char", "bpe": "bits_per_char", "note": "bits_per_note"}
TOKENS = {
    "char": "character",
    "word": "word, punctuation mark or end of a sentence",
    "bpe": "byte pair",
    "note": "position, pitch, length or end of a tune",
}


def definitions(config: Any) -> dict[str, str]:
    """Metric -> what it measures, the objective first, of a language model's Config."""
    reading, context = config.reading, f"{config.reading.context} tokens"
    if config.carries:
        windows = f"hidden states carried through {config.batch} pieces, each after {context} that do not count"
    elif reading.predict == "last":
        windows = f"each token from the {reading.context} before it"
    else:
        windows = f"windows of {context}, the first {uncounted(reading)} of all but the first do not count"
    token = TOKENS[reading.level]
    tokens = {"nats_per_token": f"-log p of a {token}; {windows}"}
    match reading.level:
        case "char":
            return {"bits_per_char": f"-log2 p, over the characters of the text; {windows}", **tokens}
        case "bpe":
            return {"bits_per_char": f"-log2 p of its byte pairs, over the characters of the text; {windows}", **tokens}
        case "note":
            bits = "-log2 p of all tokens, positions and ends of tunes included, over the notes and rests of the split"
            return {"bits_per_note": f"{bits}; {windows}", **tokens}
    bits = f"-log2 p, over the characters of the text; {windows}"
    unknown = "a word that is not in the vocabulary is one symbol, whose spelling is not paid for"
    perplexity = f"exp of the mean -log p of a {token}; {windows}"
    return {"perplexity": perplexity, "bits_per_char": f"{bits}; {unknown}", **tokens}
