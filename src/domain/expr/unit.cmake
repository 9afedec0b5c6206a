unit(expr LAYER domain DEPS base text LIBS PkgConfig::UTF8PROC TEST_LIBS $<TARGET_NAME_IF_EXISTS:kefu_re2>)
