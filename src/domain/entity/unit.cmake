unit(entity LAYER domain DEPS base text)
