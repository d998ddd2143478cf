"""One outside thing per file; its errors are translated into ours at the seam."""
