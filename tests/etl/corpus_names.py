"""People who do not exist: forenames and surnames that are common in six countries.

Taken from what national statistics list as frequent among the living, not from the
lists that the gate searches with. `SELDOM` are forenames further down, which measure
what such lists miss; `RARE` are surnames nobody could list.
"""
# ruff: noqa: E501

COMMON = {
    "es": (
        "María José Carmen Antonio Josefa Manuel Isabel Francisco Dolores David Pilar "
        "Juan Teresa Javier Ana Daniel Laura Jesús Cristina Carlos Marta Miguel Lucía "
        "Alejandro Elena Rafael Raquel Pedro Concepción Pablo Rosario Ángel Mercedes "
        "Sergio Rosa Fernando Nuria Jorge Encarnación Luis Álvaro Diego Inmaculada "
        "Adrián Rubén Iván Óscar Ramón Beatriz Rocío Sonia Sara Paula Lorena Begoña",
        "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín "
        "Jiménez Hernández Ruiz Díaz Moreno Muñoz Álvarez Romero Gutiérrez Alonso "
        "Navarro Torres Domínguez Ramos Vázquez Ramírez Gil Serrano Morales Molina "
        "Suárez Castro Ortega Delgado Ortiz Marín Rubio Núñez Medina Castillo",
    ),
    "fr": (
        "Marie Jean Michel Pierre Philippe Nathalie Isabelle Alain Patrick Nicolas "
        "Christophe Catherine Bernard Daniel Sylvie Christian Laurent Éric Martine "
        "Frédéric Anne Françoise Jacques Olivier Valérie Gérard Sandrine Sébastien "
        "Julien Stéphane Christine Thierry David Véronique Céline Pascal Aurélie "
        "Brigitte Thomas Bruno Dominique Patricia Sophie Guillaume Monique Émilie",
        "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon "
        "Michel Lefebvre Leroy Roux David Bertrand Morel Fournier Girard Bonnet Dupont "
        "Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure André Mercier Blanc "
        "Guérin Boyer Garnier Chevalier François Legrand Gauthier",
    ),
    "de": (
        "Peter Michael Thomas Andreas Wolfgang Maria Claus Jürgen Ursula Monika Petra "
        "Stefan Sabine Günter Christian Uwe Werner Renate Helmut Elisabeth Karin Klaus "
        "Martin Susanne Ingrid Brigitte Andrea Hans Bernd Birgit Heinz Gabriele "
        "Matthias Frank Anna Erika Markus Christa Angelika Dieter Manfred Heike "
        "Christine Gerhard Jörg Barbara Horst Julia Nicole Katharina Ralf",
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann "
        "Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann "
        "Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Schmid "
        "Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser",
    ),
    "sv": (
        "Maria Erik Anna Lars Margareta Karl Elisabeth Anders Eva Johan Kristina Per "
        "Birgitta Nils Karin Carl Elisabet Jan Marie Mikael Ingrid Lennart Christina "
        "Hans Sofia Peter Kerstin Olof Linnéa Gunnar Marianne Sven Lena Fredrik Helena "
        "Bengt Emma Daniel Johanna Bo Inger Alexander Åke Göran Björn Linda Ulla Stefan",
        "Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson "
        "Gustafsson Pettersson Jonsson Jansson Hansson Bengtsson Jönsson Lindberg "
        "Jakobsson Magnusson Lindström Olofsson Lindqvist Lindgren Axelsson Berg "
        "Bergström Lundberg Lind Lundgren Lundqvist Mattsson Berglund Fredriksson",
    ),
    "it": (
        "Giuseppe Maria Anna Antonio Giovanni Rosa Mario Angela Giovanna Luigi Teresa "
        "Francesco Angelo Lucia Vincenzo Carmela Salvatore Caterina Pietro Francesca "
        "Carlo Antonietta Franco Domenico Concetta Bruno Elena Paolo Michele Rita "
        "Giorgio Margherita Aldo Franca Sergio Paola Luciano Marco Laura Andrea Roberto "
        "Alessandro Stefano Simona Chiara Federica Davide Valentina Claudio Daniela",
        "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno "
        "Gallo Conti De Luca Mancini Costa Giordano Rizzo Lombardi Moretti Barbieri "
        "Fontana Santoro Mariani Rinaldi Caruso Ferrara Galli Martini Leone Longo "
        "Gentile Martinelli Vitale Lombardo Serra Coppola",
    ),
    "en": (
        "David John Margaret Susan Michael Christine Paul Patricia Peter Sarah Robert "
        "Karen Andrew Linda James Elizabeth Mark Helen Richard Jacqueline Stephen "
        "Deborah William Julie Christopher Jane Thomas Mary Anthony Barbara Alan Ann "
        "Ian Jennifer Brian Kevin Emma Gary Nicola Matthew Claire Graham Rachel Keith "
        "Samantha Martin Joanne Simon Tracey Steven Amanda Nigel Louise Philip Catherine",
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright "
        "Thompson Evans Walker White Roberts Green Hall Thomas Clarke Jackson Wood "
        "Harris Edwards Turner Martin Cooper Hill Ward Hughes Moore Clark King Harrison "
        "Lewis Baker Lee Allen Morris Khan Scott Watson Davis Parker James Bennett",
    ),
}
RARE = [
    "Zubeldia",
    "Okafor",
    "Xhaferi",
    "Ibáñez-Rué",
    "Oyelaran",
    "Tshabalala",
    "Aguirrezabala",
    "Vandevelde",
    "Kowalczyk",
    "Nakamura",
    "Þórsdóttir",
    "Öztürk",
    "Szabó",
    "Bjarnason",
    "Papadopoulou",
    "Vasquelle",
    "Quintanilha",
    "Wójcik",
    "Hrvatin",
    "Ferreirós",
    "Łukaszewicz",
    "Grünfelder",
    "Mbeki",
    "Achterberg",
]
SELDOM = [
    "Macarena",
    "Ainhoa",
    "Gorka",
    "Leire",
    "Unai",
    "Amparo",
    "Vicenta",
    "Remedios",
    "Milagros",
    "Eusebia",
    "Solène",
    "Gaëtan",
    "Maëlys",
    "Yvon",
    "Huguette",
    "Marcelle",
    "Lucien",
    "Fernand",
    "Odette",
    "Raymonde",
    "Rüdiger",
    "Waltraud",
    "Hildegard",
    "Detlef",
    "Gudrun",
    "Volker",
    "Ilona",
    "Henning",
    "Sigrid",
    "Lieselotte",
    "Torbjörn",
    "Gunvor",
    "Solveig",
    "Rune",
    "Yngve",
    "Siv",
    "Ebba",
    "Tage",
    "Alva",
    "Ornella",
    "Ivano",
    "Loredana",
    "Gennaro",
    "Assunta",
    "Nicoletta",
    "Italo",
    "Fiorella",
    "Ermanno",
    "Piera",
    "Gareth",
    "Beverley",
    "Geoffrey",
    "Maureen",
    "Hazel",
    "Trevor",
    "Clive",
    "Doreen",
    "Norman",
    "Yvonne",
    "Dylan",
]
