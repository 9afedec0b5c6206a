unit(command LAYER server DEPS base config)
