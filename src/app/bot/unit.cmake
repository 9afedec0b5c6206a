unit(bot LAYER app DEPS base text)
