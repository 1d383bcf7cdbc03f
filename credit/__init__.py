"""credit: the domain both services stand on; pure rules, with the stores beside them."""
