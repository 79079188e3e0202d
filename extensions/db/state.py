"""An operation of a migration that changes what Django knows of the models, and no table."""

from django.db.migrations import SeparateDatabaseAndState
from django.db.migrations.state import ProjectState


class StateOnly(SeparateDatabaseAndState):
    """Apply state operations, such as those of labels and help texts, without loading models.

        StateOnly(state_operations=[AlterField(...), AlterModelOptions(...)])

    After each change of a field Django loads that model again, and all models with a relation to
    it. Here it loads all models once, when an operation next asks for them.
    """

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change the state, whose models are loaded when they are next asked for."""
        vars(state).pop("apps", None)  # the cached property
        super().state_forwards(app_label, state)
