"""Games of ``rl-overfitting/gridworld`` played by thousands at once, and the actor–critic that learns them."""
