# A collection of Ansible, where Ansible looks for collections that a distribution has installed.
collectiondir = $(datadir)/ansible/collections/ansible_collections/berth/machines
collectionmetadir = $(collectiondir)/meta
collectionconnectiondir = $(collectiondir)/plugins/connection
collectioninventorydir = $(collectiondir)/plugins/inventory
collectionfragmentsdir = $(collectiondir)/plugins/doc_fragments
collectionutilsdir = $(collectiondir)/plugins/module_utils
collectionmodulesdir = $(collectiondir)/plugins/modules
dist_collection_DATA = ansible/galaxy.yml ansible/README.md
dist_collectionmeta_DATA = ansible/meta/runtime.yml
dist_collectionconnection_DATA = ansible/plugins/connection/exec.py
dist_collectioninventory_DATA = ansible/plugins/inventory/inventory.py
dist_collectionfragments_DATA = ansible/plugins/doc_fragments/command.py
dist_collectionutils_DATA = ansible/plugins/module_utils/berth.py
dist_collectionmodules_DATA = ansible/plugins/modules/machine.py ansible/plugins/modules/network.py \
	ansible/plugins/modules/snapshot.py ansible/plugins/modules/template.py
