unit(bot LAYER app DEPS base text search rules)
