unit(story LAYER domain DEPS base text expr flow)
