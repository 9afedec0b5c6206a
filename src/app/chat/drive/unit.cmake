unit(chat_drive LAYER app DEPS base model schema store store_memory bot chat LIBS PkgConfig::PROTOBUFC)
