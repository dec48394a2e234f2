"""The stages of the pipeline: one module and one function each, named like the rule and the command."""
