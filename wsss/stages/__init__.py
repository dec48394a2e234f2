"""The stages of the pipeline, one module and one function each, of the same name as their rule and command."""
