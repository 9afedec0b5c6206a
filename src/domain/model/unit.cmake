unit(model LAYER domain DEPS base)
