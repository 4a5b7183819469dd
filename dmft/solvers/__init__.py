"""How equations are solved. Numerics that know no model."""
