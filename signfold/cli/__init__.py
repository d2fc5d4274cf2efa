"""The command line `signfold`: `main` lists the commands; a command that is more than a call has a file of its own."""
