"""Folds by signer: which clips show one take, who trains, validates and tests, and the audit for leaks."""
