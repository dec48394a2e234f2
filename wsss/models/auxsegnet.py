"""AuxSegNet+: segmentation, saliency and classification on one backbone, with affinities learned by all of them.

Xu et al., "Leveraging Auxiliary Tasks with Affinity Learning for Weakly Supervised Semantic Segmentation" (ICCV 2021),
and "Auxiliary Tasks Enhanced Dual-affinity Learning for Weakly Supervised Semantic Segmentation" (TNNLS 2025).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from wsss import config
from wsss.config.auxsegnet import AuxSegNetNetwork
from wsss.models.backbones import Backbone
from wsss.models.dual_affinity import CrossTaskFusion, TaskBranch, weighted_mean
from wsss.models.network import SegmentationNetwork, split_parameters
from wsss.ops.affinity import Affinity
from wsss.ops.padding import spatial_mean

Task = Literal["segmentation", "saliency"]
SMALLEST_PROBABILITY = 1e-8


@dataclass(frozen=True)
class AuxSegNetOutput:
    """The outputs asked for; the others are None. Maps have the resolution of the features.

    Attributes:
        class_logits: (N, C), before the sigmoid.
        cams: (N, C, h, w), not negative, not normalised.
        saliency_logits: (N, 1, h, w), before the sigmoid.
        refined_saliency_logits: The same after the affinities.
        segmentation_logits: (N, C + 1, h, w), background first, before the softmax.
        refined_segmentation_logits: The same after the affinities.
        pairwise_affinity: The matrices that refine: the fused ones, or the only task's.
        unary_affinity: (N, 1, h, w), the fused distribution, or the only task's.
        segmentation_features: (N, D, h, w), of the segmentation branch, before affinities improve them.
        features: (N, D', h, w), of the backbone.
    """

    class_logits: Tensor | None = None
    cams: Tensor | None = None
    saliency_logits: Tensor | None = None
    refined_saliency_logits: Tensor | None = None
    segmentation_logits: Tensor | None = None
    refined_segmentation_logits: Tensor | None = None
    pairwise_affinity: Affinity | None = None
    unary_affinity: Tensor | None = None
    segmentation_features: Tensor | None = None
    features: Tensor | None = None


OUTPUTS = tuple(field.name for field in fields(AuxSegNetOutput))


class AuxSegNet(SegmentationNetwork):
    """The multi-task network; `unary_affinity=False` makes it that of the ICCV paper.

    Args:
        backbone: Settings of the feature extractor, or its name. A name alone stands for the weights of a package
            where there is one and else for random ones; `resnet38d` then is as the paper trains it.
        num_classes: Classes without background.
        network: Fields of `AuxSegNetNetwork`.

    Attributes:
        settings: Of the network, with its atrous rates as numbers.
        available: The outputs that it has.
    """

    kind = "auxsegnet"

    def __init__(
        self, backbone: config.BackboneSettings | str = "resnet38d", num_classes: int = 20, **network: Any
    ) -> None:
        super().__init__()
        self.backbone = Backbone(backbone)
        settings: AuxSegNetNetwork = AuxSegNetNetwork.parse(network)
        settings = settings.at_stride(self.backbone.output_stride)
        self.settings = settings
        self.dropout = nn.Dropout2d(settings.dropout)
        self.classifier: nn.Conv2d | None = None
        if settings.classification:
            self.classifier = nn.Conv2d(self.backbone.classification_channels, num_classes, 1, bias=False)
            nn.init.xavier_uniform_(self.classifier.weight)
        else:
            self.backbone.classification_head = nn.Identity()
        channels, affinity = self.backbone.channels, settings.affinity
        self.segmentation = TaskBranch(
            channels,
            num_classes + 1,
            settings,
            affinity=affinity not in ("off", "saliency"),
            head=settings.segmentation_head,
        )
        self.saliency: TaskBranch | None = None
        if settings.saliency:
            self.saliency = TaskBranch(channels, 1, settings, affinity=affinity not in ("off", "segmentation"))
        fused = affinity == "cross_task"
        self.pairwise_fusion: CrossTaskFusion | None = None
        if fused and settings.pairwise_affinity and settings.pairwise_acts_on != "features":
            self.pairwise_fusion = CrossTaskFusion(settings.fusion_kernel, normalize_rows=settings.normalize_rows)
        self.unary_fusion: CrossTaskFusion | None = None
        if fused and settings.unary_affinity and settings.unary_acts_on != "features":
            self.unary_fusion = CrossTaskFusion(settings.fusion_kernel)
        self.available = self._available()

    def forward(
        self, images: Tensor, outputs: Collection[str] | None = None, inside: Tensor | None = None
    ) -> AuxSegNetOutput:
        """Compute the outputs asked for, and nothing that they do not need.

        Args:
            images: (N, 3, H, W) in [0, 1].
            outputs: Names of fields of `AuxSegNetOutput`; None takes all that the network has.
            inside: (N, H, W) bool, False on padding, which is neither pooled nor gathered from; None is all.

        Raises:
            ValueError: If it does not have one of them.
        """
        wanted = self.available if outputs is None else tuple(outputs)
        missing = [name for name in wanted if name not in self.available]
        if missing:
            raise ValueError(f"this network has no output `{missing[0]}`, only {', '.join(self.available)}")
        passed = _Pass(self, images, wanted, inside)
        return AuxSegNetOutput(**{name: getattr(passed, name) for name in wanted})

    @property
    def segmentation_output(self) -> str:
        """The name of the best segmentation that the network has."""
        return self._best("segmentation")

    @property
    def saliency_output(self) -> str | None:
        """The name of the best saliency that the network has, None without that branch."""
        return self._best("saliency") if self.saliency is not None else None

    def segment(self, images: Tensor) -> Tensor:
        """See `SegmentationNetwork.segment`; the logits are refined where there is an affinity for it."""
        name = self.segmentation_output
        return getattr(self(images, [name]), name)

    def parameter_groups(self, *, released: bool = False) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters, those with pretrained values apart from new ones.

        Args:
            released: Whether the fusion layers learn as slowly as the pretrained ones, as in the released code, whose
                names for them miss the list of new layers.
        """
        fusion = ("pairwise_fusion.", "unary_fusion.") if released else ()
        return split_parameters(self, ("backbone.", *fusion))

    def branch(self, task: Task) -> TaskBranch:
        """Return the branch of a task."""
        branch = self.segmentation if task == "segmentation" else self.saliency
        assert branch is not None
        return branch

    def refines(self, task: Task) -> bool:
        """Return whether an affinity improves the predictions of a task."""
        settings = self.settings
        if settings.affinity == "off" or (task == "saliency" and not settings.saliency):
            return False
        if settings.affinity in ("segmentation", "saliency") and settings.affinity != task:
            return False
        return self.pairwise_refines or self.unary_refines

    @property
    def pairwise_refines(self) -> bool:
        """Whether the pairwise affinity acts on predictions."""
        return self.settings.pairwise_affinity and self.settings.pairwise_acts_on != "features"

    @property
    def unary_refines(self) -> bool:
        """Whether the unary affinity acts on predictions."""
        return self.settings.unary_affinity and self.settings.unary_acts_on != "features"

    def _available(self) -> tuple[str, ...]:
        settings = self.settings
        has = {
            "class_logits": settings.classification,
            "cams": settings.classification,
            "saliency_logits": settings.saliency,
            "refined_saliency_logits": self.refines("saliency"),
            "segmentation_logits": True,
            "refined_segmentation_logits": self.refines("segmentation"),
            "pairwise_affinity": settings.affinity != "off" and settings.pairwise_affinity,
            "unary_affinity": settings.affinity != "off" and settings.unary_affinity,
            "segmentation_features": True,
            "features": True,
        }
        return tuple(name for name in OUTPUTS if has[name])

    def _best(self, task: Task) -> str:
        return f"refined_{task}_logits" if self.refines(task) else f"{task}_logits"


class _Pass:
    """One forward pass: every quantity is computed when it is first asked for, and then kept."""

    def __init__(self, network: AuxSegNet, images: Tensor, wanted: Collection[str], inside: Tensor | None) -> None:
        self._network, self._images, self._wanted, self._given_inside = network, images, wanted, inside
        self._kept: dict[tuple[str, Task], Any] = {}

    @cached_property
    def features(self) -> Tensor:
        return self._network.backbone(self._images)

    @cached_property
    def _inside(self) -> Tensor | None:
        """Which features, (N, 1, h, w) bool, are not of padding."""
        return self._network.features_inside(self.features, self._given_inside)

    @cached_property
    def _class_features(self) -> Tensor:
        return self._network.backbone.classification_head(self.features)

    @cached_property
    def class_logits(self) -> Tensor:
        assert self._network.classifier is not None
        pooled = spatial_mean(self._network.dropout(self._class_features), self._inside)
        return self._network.classifier(pooled).flatten(1)

    @cached_property
    def cams(self) -> Tensor:
        assert self._network.classifier is not None
        return functional.relu(self._network.classifier(self._class_features))

    @property
    def segmentation_logits(self) -> Tensor:
        return self._logits("segmentation")

    @property
    def saliency_logits(self) -> Tensor:
        return self._logits("saliency")

    @property
    def refined_segmentation_logits(self) -> Tensor:
        return self._refined["segmentation"]

    @property
    def refined_saliency_logits(self) -> Tensor:
        return self._refined["saliency"]

    @cached_property
    def pairwise_affinity(self) -> Affinity:
        if self._network.pairwise_fusion is not None:
            return self._network.pairwise_fusion(self._pairwise("segmentation"), self._pairwise("saliency"))
        return self._pairwise(self._affinity_task)

    @cached_property
    def unary_affinity(self) -> Tensor:
        if self._network.unary_fusion is not None:
            return self._network.unary_fusion.unary(self._unary("segmentation"), self._unary("saliency"))
        return self._unary(self._affinity_task)

    @property
    def segmentation_features(self) -> Tensor:
        return self._stem("segmentation")

    @property
    def _affinity_task(self) -> Task:
        """The task whose affinity stands for the network's where there is no fusion."""
        return "saliency" if self._network.settings.affinity == "saliency" else "segmentation"

    @cached_property
    def _refined(self) -> dict[Task, Tensor]:
        """The refined predictions that are wanted, together: one pass over the affinity serves both tasks."""
        tasks: list[Task] = [t for t in ("segmentation", "saliency") if f"refined_{t}_logits" in self._wanted]
        before = {task: self._predictions(task) for task in tasks}
        gathered = dict(before)
        network = self._network
        if network.settings.transpose_affinity and self._inside is not None:
            # a transposed matrix gathers from its rows, and these no softmax has left out
            before = {task: values * self._inside for task, values in before.items()}
        if network.pairwise_refines:
            transposed = network.settings.transpose_affinity
            if network.pairwise_fusion is not None:
                values = self.pairwise_affinity.apply_all(list(before.values()), transposed=transposed)
                gathered = dict(zip(tasks, values, strict=True))
            else:
                gathered = {
                    task: self._pairwise(task).apply_all([before[task]], transposed=transposed)[0] for task in tasks
                }
        if network.unary_refines:
            for task in tasks:
                unary = self.unary_affinity if network.unary_fusion is not None else self._unary(task)
                gathered[task] = gathered[task] + weighted_mean(before[task], unary)
                if network.settings.unary_prediction == "mean":
                    gathered[task] = gathered[task] / 2
        return {task: self._as_logits(task, gathered[task]) for task in tasks}

    def _predictions(self, task: Task) -> Tensor:
        """Return logits or probabilities for the affinities to gather; saliency's are of not salient and salient."""
        logits = self._logits(task)
        if self._network.settings.refine == "logits":
            return logits
        if task == "segmentation":
            return logits.softmax(dim=1)
        return torch.cat([(-logits).sigmoid(), logits.sigmoid()], dim=1)

    def _as_logits(self, task: Task, gathered: Tensor) -> Tensor:
        """Return logits whose softmax or sigmoid gives the gathered probabilities, divided by their sum."""
        if self._network.settings.refine == "logits":
            return gathered
        logarithms = gathered.float().clamp(min=SMALLEST_PROBABILITY).log()
        return logarithms if task == "segmentation" else logarithms[:, 1:] - logarithms[:, :1]

    def _logits(self, task: Task) -> Tensor:
        branch = self._network.branch(task)

        def compute() -> Tensor:
            pairwise = self._pairwise(task) if branch.pairwise_enhances else None
            unary = self._unary(task) if branch.unary_enhances else None
            return branch.predict(self._stem(task), pairwise, unary)

        return self._keep("logits", task, compute)

    def _stem(self, task: Task) -> Tensor:
        return self._keep("stem", task, lambda: self._network.branch(task).look(self.features, self._inside))

    def _pairwise(self, task: Task) -> Affinity:
        module = self._network.branch(task).pairwise
        assert module is not None
        return self._keep("pairwise", task, lambda: module(self._stem(task), self._inside))

    def _unary(self, task: Task) -> Tensor:
        module = self._network.branch(task).unary
        assert module is not None
        return self._keep("unary", task, lambda: module(self._stem(task), self._inside))

    def _keep(self, name: str, task: Task, compute: Callable[[], Any]) -> Any:
        if (name, task) not in self._kept:
            self._kept[name, task] = compute()
        return self._kept[name, task]
