"""What a run needs beside its rules, also where another workflow takes this one as a `module`."""

import sys

from wsss.cli.parent import pass_on_signals


def refuse_prefix():
    """End Snakemake with one line if a module has a prefix, which is put before paths of the data set as well."""
    if workflow.modifier.path_modifier.replace_prefix("photos", "input") != "photos":
        sys.exit(
            "error: `prefix` of a module would move the lists and tables of the data set too; set"
            ' `replace_prefix: {"results/": "FOLDER/results/"}`, or `run` in the config'
        )


refuse_prefix()


# asked to stop, Snakemake waits for its jobs without telling them
onstart:
    pass_on_signals()


def start_in_module():
    """Do the same for a workflow that takes this one as a module, since Snakemake calls no `onstart` of modules.

    An `onstart` of that workflow runs as well where it stands before the module, and replaces this where it follows.
    """
    first = workflow._onstart
    if workflow.modifier.is_main_snakefile() or hasattr(first, "in_module"):
        return

    def start(log):
        first(log)
        pass_on_signals()

    start.in_module = True
    workflow._onstart = start


start_in_module()
