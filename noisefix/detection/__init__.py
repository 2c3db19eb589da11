"""Find wrong labels: embed, judge, retrieve candidates; ``detect`` does it all, ``check`` gates."""
