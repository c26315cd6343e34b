dist_man_MANS += doc/machine.conf.5
