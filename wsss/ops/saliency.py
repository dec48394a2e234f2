"""."""
import numpy as np
def superpixel_saliency(image: np.ndarray, *, segments: int = 200, compactness: float = 10.0) -> np.ndarray:
    return np.zeros(image.shape[:2])
