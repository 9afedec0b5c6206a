unit(flow_host LAYER app DEPS base expr flow story)
