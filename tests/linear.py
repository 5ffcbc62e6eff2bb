"""A linear Gaussian model: likelihood and posterior in closed form."""

import numpy as np
from scipy import stats


def linear_gaussian(seed=0):
    """x = W z + b + sigma e, z ~ N(0, I): p(x) = N(b, W W' + sigma^2 I) and the posterior are known."""
    rng = np.random.default_rng(seed)
    w, b, sigma = rng.normal(size=(6, 2)), rng.normal(size=6), 0.7
    x = rng.normal(size=(50, 6))
    log_likelihood = stats.multivariate_normal.logpdf(x, b, w @ w.T + sigma**2 * np.eye(6))
    covariance = np.linalg.inv(np.eye(2) + w.T @ w / sigma**2)
    mean = (x - b) @ w @ covariance.T / sigma**2
    return w, b, sigma, x, log_likelihood, mean, covariance
