unit(desk LAYER app DEPS base model)
