"""The trainings of an ablation: found again, carried out, measured."""
