"""Offline checking of KQL, Lucene, EQL and ES|QL: text in, findings out."""
