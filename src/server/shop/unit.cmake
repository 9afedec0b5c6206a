unit(shop LAYER server DEPS base)
