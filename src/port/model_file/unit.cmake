unit(model_file LAYER port DEPS base)
