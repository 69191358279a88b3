"""What the command says, in Chinese or, with `WEILU_LANGUAGE=en`, in English."""

import sys

from weilu.config import speaks_english
from weilu.ui.retold import retold


def told(words: object) -> str:
    """A sentence written in Chinese, in the language of the command."""
    return retold(words, english=True) if speaks_english() else str(words)


def tell(words: object, *, trouble: bool = False) -> None:
    """Print a sentence; what is in the way goes to standard error."""
    print(told(words), file=sys.stderr if trouble else sys.stdout, flush=True)
