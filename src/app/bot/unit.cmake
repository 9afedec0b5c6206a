unit(bot LAYER app DEPS base text search rules entity intent expr flow TEST_DEPS examples)
