unit(rules LAYER domain DEPS base text expr)
