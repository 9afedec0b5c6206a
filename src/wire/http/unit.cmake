unit(http LAYER wire DEPS base loop net)
