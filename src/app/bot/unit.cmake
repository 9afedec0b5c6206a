unit(bot LAYER app DEPS base text search rules entity intent TEST_DEPS examples)
