"""Label diffusion on the probability simplex: coding, schedule, denoiser and reverse chains."""
