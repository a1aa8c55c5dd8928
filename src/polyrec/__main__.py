"""`python -m polyrec` is `polyrec`."""

from polyrec.cli import main

main()
