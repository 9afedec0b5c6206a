unit(store LAYER port DEPS base)
